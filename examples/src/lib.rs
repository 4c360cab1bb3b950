//! Small programs that show one thing each; they stand beside this folder. `quickstart` is a
//! server and an agent of this host in one process.
