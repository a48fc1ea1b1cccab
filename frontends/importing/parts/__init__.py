"""The parts of a layer and of a step: each makes weights and statements of a model's facts."""
