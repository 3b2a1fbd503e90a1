//! The vertices inside of recursions, while a plan is put together: each becomes a part of its recursion's operator.

use std::collections::BTreeMap;

use super::{TableId, VertexId};
use crate::builder::{Draft, RegionId, Work};
use crate::operators::nested::{ErasedNested, InnerVertex};

/// All recursions of a graph.
pub(super) struct Regions {
    inside: BTreeMap<RegionId, Inside>,
}

/// What is inside of one recursion.
pub(super) struct Inside {
    pub(super) vertices: Vec<InnerVertex>,
    /// Tables that the vertices write.
    pub(super) tables: Vec<TableId>,
    /// Tables that the vertices read or write.
    pub(super) touched: Vec<TableId>,
    /// The inputs from outside: their slots come first.
    pub(super) outside: Vec<VertexId>,
    /// Where the slot of a vertex inside is.
    slots: BTreeMap<VertexId, usize>,
}

impl Regions {
    pub(super) fn of(drafts: &[Draft]) -> Self {
        let mut inside = BTreeMap::new();
        for draft in drafts {
            if let Work::Recursion { region, .. } = &draft.work {
                inside.insert(
                    *region,
                    Inside {
                        vertices: Vec::new(),
                        tables: Vec::new(),
                        touched: Vec::new(),
                        outside: draft.inputs.clone(),
                        slots: BTreeMap::new(),
                    },
                );
            }
        }
        let feedbacks = drafts.iter().enumerate();
        for (position, draft) in feedbacks.filter(|(_, draft)| matches!(draft.work, Work::Feedback))
        {
            // A recursion that is not made of itself is none.
            if let Some(inside) = draft.region.and_then(|region| inside.get_mut(&region)) {
                inside
                    .slots
                    .insert(VertexId(position), inside.outside.len());
            }
        }
        Self { inside }
    }

    /// Adds a vertex: inputs come before it.
    pub(super) fn add(
        &mut self,
        region: Option<RegionId>,
        position: usize,
        operator: Box<dyn ErasedNested>,
        inputs: &[VertexId],
        tables: Vec<TableId>,
        touched: Vec<TableId>,
    ) {
        let inside = region
            .and_then(|region| self.inside.get_mut(&region))
            .expect("a needed vertex inside has its recursion");
        let slot_of = |input: &VertexId| {
            let outside = inside.outside.iter().position(|outside| outside == input);
            outside
                .or_else(|| inside.slots.get(input).copied())
                .expect("inputs come first, and are kept")
        };
        let inputs = inputs.iter().map(slot_of).collect();
        let slot = inside.outside.len() + 1 + inside.vertices.len();
        inside.slots.insert(VertexId(position), slot);
        inside.vertices.push(InnerVertex { operator, inputs });
        inside.tables.extend(tables);
        inside.touched.extend(touched);
    }

    /// All that is inside of a recursion.
    pub(super) fn take(&mut self, region: RegionId) -> Inside {
        self.inside
            .remove(&region)
            .expect("each recursion has one vertex")
    }
}
