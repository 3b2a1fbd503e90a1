//! Several workers on one file, killed at whatever moment.

use crate::common::Temp;
use crate::killed::random::killed_at_any_moment;

#[test]
fn killed_at_any_moment_and_begun_again() {
    killed_at_any_moment::<Temp>("random::killed_at_any_moment_and_begun_again", 60);
}
