//! The models door.

mod walk;
