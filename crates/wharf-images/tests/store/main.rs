//! The store as its callers see it: real folders, real database, several handles at once.

#[cfg(test)]
mod checking;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod mounting;
#[cfg(test)]
mod names_and_lists;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod removing;
