"""What stands at the door: the application, its connections, HTTP, the pages, and the processes that serve."""
