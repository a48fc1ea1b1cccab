"""`kl show`: what a model's variants take, why, and how they were made, as one page, pictures or text."""
