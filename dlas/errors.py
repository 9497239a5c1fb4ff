"""Everything dlas tells a user went wrong: one sentence that names layer, option, value and remedy."""


class DlasError(Exception):
    """A mistake that the user can mend; the command line prints it as one line and exits with code 2."""


class OptionError(DlasError):
    """An option, a parameter or a stack that cannot be."""


class StudyError(DlasError):
    """A study file or a study command that makes no sense."""


class StoreError(DlasError):
    """The store of artifacts cannot be read or written."""


class CubeError(DlasError):
    """A file that is no cube, or a selection that the cube does not have."""


class DataError(DlasError):
    """Data of the user's that is missing or not what its option expects."""


class Inapplicable(DlasError):
    """The option cannot be used in this stack or on this host; a status, not a failure."""


class BuildFailed(DlasError):
    """A child process could not do its step; costs the cells that need the step."""
