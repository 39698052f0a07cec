"""What studies leave in the data home: files of trials, trainings, records of test accesses."""
