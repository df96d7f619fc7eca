//! What a person meets besides the images: settings and the texts about wrong ones, logins, and output that goes nowhere.

mod logins;
mod names;
mod settings;
mod streams;
