//! Sizes, ages and moments in Docker's words.

mod age;
mod ellipsis;
mod go_duration;
mod size;
mod timestamp;

pub use age::human_duration;
pub use ellipsis::ellipsis;
pub use go_duration::{ParseDurationError, parse_go_duration};
pub use size::{bytes_size, human_size, human_size_with_precision};
pub use timestamp::{ParseTimestampError, parse_docker_timestamp};
