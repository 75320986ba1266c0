"""How a record from files is compared with what is stored: nothing here opens a file."""
