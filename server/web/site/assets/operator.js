// The visitor's pages.
