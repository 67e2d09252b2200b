# SPDX-License-Identifier: Apache-2.0
"""What a user can put right."""


class UserError(Exception):
    """A command cannot go on, and the user can put it right.

    The message is one sentence: what was wrong, what was expected, what to do. The command line prints it
    and exits with status 2.
    """
