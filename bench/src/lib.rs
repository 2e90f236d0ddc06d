//! What `cargo xtask bench` measures with: a bare proxy to compare with, a load generator, and
//! interleaved rounds. All figures are ratios of the same run; absolute ones belong to the machine.

pub mod bare;
pub mod load;
pub mod process;
pub mod rounds;
