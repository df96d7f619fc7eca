//! What a person meets besides the images: settings and the texts about wrong ones, logins, and output that goes nowhere.

mod logins;
mod settings;
mod streams;
