"""Raw data: what a table must look like, how it is read, and where what is wrong with it goes."""
