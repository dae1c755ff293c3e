"""What a feature is: Feast objects and Feast plugins. Imports no other room."""
