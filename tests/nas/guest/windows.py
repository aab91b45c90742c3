"""A client that renames as Windows does: it opens the file, and renames through that handle whenever it likes.

MoveFileEx sends CREATE and SET_INFO as separate requests; between them another may move the file, and the second rename takes it
from wherever it lies by then. Linux's own SMB client does both at once and cannot play this.
"""

import uuid

from smbprotocol.connection import Connection
from smbprotocol.file_info import (
    FileAttributes,
    FileInformationClass,
    FileRenameInformation,
    InfoType,
)
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
    SMB2SetInfoRequest,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from tests.nas.guest import share

# The access and the sharing that MoveFileEx asks for.
_ACCESS = (
    FilePipePrinterAccessMask.DELETE
    | FilePipePrinterAccessMask.FILE_READ_ATTRIBUTES
    | FilePipePrinterAccessMask.SYNCHRONIZE
)
_SHARED = ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE


class Windows:
    """One connection of its own to the share; a context manager."""

    def __init__(self):
        self._connection = Connection(uuid.uuid4(), share.SERVER, 445)

    def __enter__(self):
        self._connection.connect(timeout=share.LIMIT_S)
        session = Session(self._connection, "spool", "spool", require_encryption=False)
        session.connect()
        self._session = session
        self._tree = TreeConnect(session, rf"\\{share.SERVER}\nas")
        self._tree.connect()
        return self

    def __exit__(self, *_):
        self._connection.disconnect(close=True)

    def open(self, path):
        """A handle by which the file can be renamed, wherever it is moved meanwhile; *path* is on the mount."""
        handle = Open(self._tree, _share_path(path))
        handle.create(
            ImpersonationLevel.Impersonation,
            _ACCESS,
            FileAttributes.FILE_ATTRIBUTE_NORMAL,
            _SHARED,
            CreateDisposition.FILE_OPEN,
            CreateOptions.FILE_NON_DIRECTORY_FILE,
        )
        return handle

    def rename(self, handle, target):
        """SET_INFO(rename) by the handle, without replacing, and close it; raises SMBResponseException."""
        information = FileRenameInformation()
        information["replace_if_exists"] = False
        information["file_name"] = _share_path(target)
        request = SMB2SetInfoRequest()
        request["info_type"] = InfoType.SMB2_0_INFO_FILE
        request["file_info_class"] = FileInformationClass.FILE_RENAME_INFORMATION
        request["file_id"] = handle.file_id
        request["buffer"] = information
        sent = self._connection.send(request, self._session.session_id, self._tree.tree_connect_id)
        try:
            self._connection.receive(sent, timeout=share.LIMIT_S)
        finally:
            handle.close()


def _share_path(path):
    return str(path).removeprefix(share.MOUNT).strip("/").replace("/", "\\")
