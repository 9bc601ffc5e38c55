"""The paper’s pipeline for augmented reality (section 5): detect, crop, find landmarks, and follow them after that."""
