"""Charts of the page: each module has a data function (frames in, frames out) and a drawing function."""
