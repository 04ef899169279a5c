//! The coordinator: the desk that decides, one transaction at a time, and the wss and https front.
