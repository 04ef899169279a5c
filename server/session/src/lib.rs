//! The session server: starts and ends applications on one computer, and answers the users of its sessions.
