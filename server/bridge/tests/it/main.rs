//! What only the public interface shows: signalling over real WebSockets, and the fuzz targets' bodies.

mod epic;
mod fuzz;
mod peer;
mod whep;
