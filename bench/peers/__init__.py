"""The servers of other projects, each as its own documentation would have it."""
