"""Reference models of scikit-learn: what a study's networks are compared with."""
