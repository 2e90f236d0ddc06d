//! The use cases and pages of this door, with a real store and a real gate.

mod accounts;
mod browser;
mod coming_in;
mod heeded;
mod house;
mod keys;
mod limited;
mod pages;
mod passwords;
mod rows;
mod setup;
mod tokens;

use house::House;
