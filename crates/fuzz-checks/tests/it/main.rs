//! Runs every fuzz target over the committed seeds, and over mutations of them.

mod mutation;
mod seeds;
