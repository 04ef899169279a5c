//! The pages, as they are embedded in the program: plain ES modules, no build step.
