//! What `cargo xtask bench` measures with: a bare proxy and a bare server that signs to compare
//! with, a load generator, and interleaved rounds. All figures are ratios of the same run; absolute
//! ones belong to the machine.

pub mod bare;
pub mod load;
pub mod process;
pub mod rounds;
pub mod signer;
