//! The conformance suite: what every store does, as one case a behaviour. A store passes it or is none.
//!
//! It owns the cases, the rows that they work on and the [`Harness`] by which a store lends itself to them. It never
//! looks inside a store: all that it knows of one is the [`Store`] trait. A case opens a new place, does something to
//! it, and compares what the store says with what is written in the case.
//!
//! # Running it
//!
//! Enable the feature `conformance` in the dev-dependencies, say how a store is opened, and name the harness to
//! [`conformance!`](crate::conformance!). It writes one `#[test]` a case, in modules by theme:
//!
//! ```
//! use deltaview_graph::Graph;
//! use deltaview_store::conformance::Harness;
//! use deltaview_store::{Error, MemoryStore};
//!
//! /// Where the stores of one case are. A store on disk would keep a temporary folder here.
//! struct InMemory;
//!
//! impl Harness for InMemory {
//!     type Store = MemoryStore;
//!     const DURABLE: bool = false;
//!
//!     fn new() -> Self {
//!         InMemory
//!     }
//!
//!     fn open(&self, graph: &Graph) -> Result<MemoryStore, Error> {
//!         Ok(MemoryStore::new(graph))
//!     }
//! }
//!
//! deltaview_store::conformance!(InMemory);
//!
//! // The tests call the cases. Anything can:
//! deltaview_store::conformance::cases::groups::count_counts_copies::<InMemory>();
//! ```
//!
//! A store that is asynchronous runs the suite behind an adapter that blocks.

mod rows;
mod support;

use deltaview_graph::Graph;

use crate::{Error, Store};

/// How the suite gets at a store: a value is one place that stores can be opened in, empty at first. Each case makes
/// one of its own, and drops it when it is done; cases run side by side.
pub trait Harness: Sized {
    /// The store.
    type Store: Store + Send;

    /// Whether state outlives the store: a second one that is opened in the same place has all that the first has
    /// committed. Where not, [`open`](Self::open) gives an empty store each time.
    const DURABLE: bool;

    /// Whether text with a NUL can be a key. Where not, such a row is an
    /// [`UnsupportedKey`](crate::ErrorKind::UnsupportedKey), before anything is written.
    const NUL_IN_TEXT_KEYS: bool = true;

    /// Whether one worker's stage is computed while another one passes a stage.
    const STAGES_OVERLAP: bool = true;

    /// A new, empty place that nobody else uses.
    ///
    /// # Panics
    ///
    /// Where there can be none: no temporary folder, no server. The case fails with that.
    fn new() -> Self;

    /// Opens the place with a graph: makes what the graph needs where there is nothing of it, and has all that was
    /// committed where there is. It is called again while other stores are open in the place, of the same graph or of
    /// others.
    ///
    /// # Errors
    ///
    /// What the store has in the place has another shape than the graph: [`Mismatch`](crate::ErrorKind::Mismatch).
    fn open(&self, graph: &Graph) -> Result<Self::Store, Error>;

    /// Another worker on the state of a store.
    ///
    /// # Panics
    ///
    /// If there can't be one.
    fn beside(&self, store: &Self::Store) -> Self::Store {
        self.open(store.graph())
            .unwrap_or_else(|error| panic!("the store can't be opened once more: {error}"))
    }

    /// Closes a store of this place, and opens one with the same graph. A store that is not durable is handed back as
    /// it is.
    ///
    /// # Panics
    ///
    /// If the store can't be opened again.
    fn reopen(&self, store: Self::Store) -> Self::Store {
        if !Self::DURABLE {
            return store;
        }
        let graph = store.graph().clone();
        drop(store);
        self.open(&graph)
            .unwrap_or_else(|error| panic!("the store can't be opened again: {error}"))
    }
}

/// Writes the themes, and the macro that calls all their cases: so no case can be left out of the tests of a store.
macro_rules! suite {
    ($dollar:tt $($theme:ident { $($case:ident)* })*) => {
        $(
            #[allow(missing_docs, reason = "the name of a case is a sentence that says it all")]
            mod $theme;
        )*

        /// The cases, by theme. The name of each is what it checks; it panics where the store does otherwise.
        pub mod cases {
            $(
                #[allow(missing_docs, reason = "the name says it")]
                pub mod $theme {
                    pub use super::super::$theme::{$($case),*};
                }
            )*
        }

        /// Runs the [conformance suite](mod@crate::conformance) on a store: writes a module a theme with one `#[test]` a
        /// case, for the [`Harness`](crate::conformance::Harness) that is named.
        #[macro_export]
        macro_rules! conformance {
            ($dollar harness:ty) => {
                $(
                    mod $theme {
                        #[allow(unused_imports, reason = "the harness may be named by a full path")]
                        use super::*;
                        $(
                            #[test]
                            fn $case() {
                                $dollar crate::conformance::cases::$theme::$case::<$dollar harness>();
                            }
                        )*
                    }
                )*
            };
        }
    };
}

suite! { $
    operators {
        map_makes_one_row_of_each
        filter_keeps_the_rows_it_is_asked_to
        filter_map_changes_rows_or_drops_them
        flat_map_makes_any_number_of_rows
        negate_turns_the_weights_around
        plus_adds_the_weights_of_two_streams
        a_stream_can_be_added_to_itself
        inspect_sees_deltas_and_passes_them_on
        operators_in_a_row_work_as_one_after_the_other
        integrate_gives_all_that_came_so_far
        delay_gives_what_came_one_iteration_before
        differentiate_sees_also_iterations_that_change_nothing
        differentiate_and_integrate_undo_each_other
        a_failed_iteration_is_none_for_delay
    }
    joins {
        join_pairs_the_rows_with_equal_keys
        join_takes_back_what_either_side_loses
        join_sees_both_sides_of_one_change
        join_multiplies_weights
        join_map_gets_the_key_and_both_rows
        a_stream_joins_with_itself
        a_stream_joins_with_itself_by_one_index
        joins_follow_joins
        many_rows_meet_many_under_one_key
        a_view_and_a_join_share_an_arrangement
    }
    sets {
        distinct_has_each_row_once_while_there_are_copies
        set_operators_have_each_row_once
        bag_operators_count_copies
        a_stream_compared_with_itself_is_all_or_nothing
    }
    outer {
        semi_and_anti_join_divide_the_rows
        left_join_has_one_unmatched_row_a_copy
        right_and_full_join_keep_what_meets_nothing
        cross_join_pairs_everything
    }
    order {
        the_least_and_the_greatest_come_back_after_deletes
        several_aggregates_are_one_row_a_group
        the_first_rows_follow_every_change
        windows_are_renumbered_from_the_change_on
    }
    nested {
        a_query_runs_inside_of_each_group
        groups_are_nested_at_will
        groups_meet_streams_from_outside
        a_closure_follows_inserts_and_deletes_in_cycles
        a_recursion_has_any_operator_inside
        a_recursion_without_an_end_changes_nothing
    }
    groups {
        count_counts_copies
        sum_adds_each_row_as_often_as_it_is_there
        several_sums_are_one_tuple
        reduce_works_in_any_commutative_group
        a_group_without_rows_disappears_and_returns
        a_sum_of_zero_stays
        a_group_of_weight_zero_is_hidden_and_remembered
        rows_move_between_groups_in_one_change
        a_group_that_ends_as_it_was_puts_out_nothing
        groups_are_rows_to_group_again
        rows_without_a_key_are_a_group_of_their_own
    }
    changes {
        commit_returns_the_deltas_of_outputs_and_views
        a_delta_is_asked_for_any_number_of_times
        replacing_a_row_gives_a_minus_and_a_plus
        one_change_to_several_inputs_is_one_iteration
        times_are_positive_and_grow
        a_change_of_nothing_is_an_iteration
        steps_that_cancel_out_change_nothing
        a_change_can_be_committed_again
        a_change_that_is_dropped_does_nothing
        thousands_of_rows_come_and_go_in_one_change
    }
    inputs {
        copies_of_a_row_add_up
        weights_can_be_negative
        a_row_of_weight_zero_disappears
        weights_have_sixty_four_bits
        a_stored_weight_that_would_not_fit_is_an_error
        a_stored_weight_that_would_not_fit_below_is_an_error
        weights_of_one_change_that_do_not_fit_are_an_error
        a_product_of_weights_that_does_not_fit_is_an_error
        negating_the_least_weight_is_an_error
    }
    tables {
        inserted_rows_are_found_by_key
        inserting_a_key_twice_is_an_error
        upsert_takes_the_place_of_the_row_with_the_key
        update_changes_the_row_of_a_key
        updating_a_missing_row_is_an_error
        an_update_that_changes_the_key_is_an_error
        delete_removes_the_row_of_a_key
        deleting_a_missing_row_is_an_error
        remove_takes_the_very_row_only
        each_step_sees_what_the_ones_before_it_made
        a_row_that_comes_and_goes_in_one_change_leaves_no_trace
        a_step_that_fails_undoes_the_whole_change
        a_table_can_have_a_key_of_several_parts
        a_table_joins_by_its_key_without_another_arrangement
    }
    views {
        a_view_that_nothing_came_to_is_empty
        rows_come_in_the_order_of_their_keys
        key_finds_the_rows_of_a_key
        get_finds_the_row_of_a_key
        keys_come_in_the_order_they_are_asked_for
        ranges_have_bounds_of_every_kind
        an_empty_or_upside_down_range_has_no_rows
        ranges_over_composite_keys_are_those_of_rust
        every_composite_key_finds_its_row
        none_is_found_by_key_and_comes_first
        further_indexes_read_the_same_rows
        further_indexes_follow_every_change
        further_indexes_keep_the_weights_of_rows
        a_view_without_a_key_has_all_rows_under_one
        many_rows_under_one_key_keep_their_weights
        views_of_one_graph_are_apart
        the_greatest_groups_are_read_from_the_end
    }
    keys {
        integers_are_ordered_by_value
        integers_that_sql_has_no_column_for_are_ordered_by_value
        truth_values_are_ordered
        text_is_ordered_by_its_code_points
        text_with_a_nul_is_a_key_or_an_error
        bytes_are_ordered_one_by_one
        floats_are_ordered_with_nan_as_the_greatest
        minus_zero_is_the_key_zero
        times_and_addresses_are_ordered
        options_have_none_first
        reversed_keys_are_ordered_backwards
        tuples_are_ordered_part_by_part
    }
    paging {
        the_first_rows_of_a_large_view_are_read_alone
        rows_with_one_key_of_a_further_index_are_paged_right
        rows_with_one_key_of_the_first_index_are_paged_right
        thousands_of_rows_without_a_key_are_paged_right
        pages_end_at_composite_keys_with_none
        views_are_read_side_by_side
        large_rows_are_read_as_they_were_written
    }
    errors {
        a_handle_of_another_graph_changes_nothing
        a_change_of_another_graph_is_an_error
        a_view_or_delta_of_another_graph_is_an_error
        a_panic_in_map_names_the_vertex
        a_panic_in_filter_or_inspect_names_the_vertex
        a_panic_in_an_index_names_the_vertex
        a_panic_in_a_further_index_names_the_view
        a_panic_in_join_map_names_the_vertex
        a_panic_in_an_aggregate_names_the_vertex
        a_panic_in_an_update_names_the_table
        a_sum_that_overflows_names_the_group
        a_count_that_overflows_is_an_error
        a_failure_at_the_end_undoes_what_came_before_it
    }
    durable {
        opening_again_keeps_the_views
        times_go_on_where_they_were
        groups_and_joins_go_on_where_they_were
        keyed_tables_remember_their_rows
        delays_and_integrals_go_on_where_they_were
        a_change_that_failed_is_not_there_after_opening_again
        a_row_of_another_shape_is_a_mismatch
        another_index_is_a_mismatch
        one_index_more_is_a_mismatch
        one_vertex_more_or_less_is_a_mismatch
        graphs_of_other_names_live_side_by_side
        stores_of_one_place_see_what_the_others_commit
    }
    time {
        rows_behind_the_newest_time_expire
        rows_that_come_too_late_are_not_let_in
        each_group_has_a_newest_time_of_its_own
        a_random_history_is_retained_as_a_model_says
        an_endless_input_is_kept_in_bounds
    }
    verify {
        views_of_every_operator_are_right_after_a_random_history
        an_input_that_is_not_stored_is_named
        a_view_that_depends_on_history_is_an_error
        a_view_of_another_graph_is_not_verified
        verifying_changes_nothing
        the_rows_that_a_row_comes_from_are_named
    }
    feed {
        each_delta_comes_once_and_in_order
        a_copy_is_kept_by_what_comes
        iterations_that_leave_a_view_as_it_is_give_nothing
        a_failed_change_gives_nothing
        each_subscription_begins_where_it_was_made
        a_subscription_that_is_dropped_disturbs_nobody
        a_large_delta_comes_whole
        a_row_that_is_replaced_is_taken_away
        deltas_have_weights_of_any_sign
        a_delta_is_waited_for_on_another_thread
        nothing_is_waited_for_in_vain_for_longer_than_asked
        what_other_stores_of_the_place_commit_is_told
        a_named_cursor_goes_on_behind_its_last_commit
        a_named_cursor_that_somebody_else_moved_is_lagged
        a_cursor_that_was_removed_begins_anew
        names_that_can_be_no_cursor_are_refused
        a_view_of_another_graph_is_not_followed
        a_time_is_waited_for
    }
    workers {
        times_of_ones_own_grow
        a_change_that_is_made_again_under_its_name_is_answered
        a_change_that_failed_can_be_made_again_under_its_name
        a_frontier_is_waited_for
        a_change_in_stages_is_the_same_change
        a_failure_in_the_first_stage_leaves_nothing
        a_failure_in_a_later_stage_halts_until_it_is_resumed
        what_is_abandoned_has_never_been
        later_changes_that_had_gone_ahead_are_made_again
        what_was_left_and_does_not_fit_any_more_is_dropped_and_told
        many_workers_lose_and_double_nothing
        one_name_at_two_workers_is_one_change
        the_status_says_how_the_workers_stand
    }
    history {
        a_long_history_is_what_a_model_says
        every_state_is_read_as_it_was
        the_past_of_few_rows_is_as_deep_as_it_was
        many_rows_of_the_past_are_paged_right
        several_views_are_read_at_one_time
        what_changed_between_two_times_is_net
        versions_of_a_key_come_the_last_one_first
        many_versions_are_paged_right
        times_are_those_at_which_the_view_changed
        an_instant_finds_the_time_that_was_current
        what_has_no_past_or_is_to_come_is_an_error
        a_failed_change_leaves_no_version
        the_past_is_read_while_others_commit
        what_is_forgotten_is_an_error_and_the_rest_stays
        forgetting_goes_in_steps_while_others_commit
        who_reads_what_is_forgotten_meanwhile_is_told
        the_last_times_are_kept
        a_span_of_time_is_kept
        a_view_is_followed_from_the_past_on
        a_named_cursor_begins_in_the_past
        a_subscription_from_the_past_misses_nothing_that_is_committed_meanwhile
        what_is_abandoned_was_never_there
        what_is_resumed_is_there_once
        what_was_taken_back_and_made_again_is_there_once
        many_workers_make_one_past
    }
}
