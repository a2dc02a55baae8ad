# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What stops the rendering of rooms."""


class RoomsError(Exception):
    """Rooms can't be rendered as asked; the message is one sentence that says what to do."""
