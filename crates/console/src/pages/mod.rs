//! Pages.
use tollgate_edge::Row;
use tollgate_edge::page::NavItem;
use crate::state::ConsoleState;
pub fn nav() -> Vec<NavItem> { Vec::new() }
pub(crate) fn rows() -> Vec<Row<ConsoleState>> { Vec::new() }
