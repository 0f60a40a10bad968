"""Models written for this project, as callables for MODEL: cycloid.zoo.squeezenet:squeezenet1_1."""
