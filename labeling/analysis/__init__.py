"""The numbers: questions over the record, answered by labeling.statistics, stamped, kept, traceable to reads."""
