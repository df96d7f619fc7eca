//! The client against a real registry and against hostile ones, over real sockets on loopback.

mod docker_registry;
mod real;
