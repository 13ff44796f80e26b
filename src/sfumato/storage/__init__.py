"""Files on the disk: complete or absent, sealed against damage, and never opened through a link.

``drafts`` writes files and folders that are either complete or absent, ``documents`` reads and
writes JSON with a seal, and ``own`` opens a file of a run or a cache only if it is one: no
link, no device, no pipe.
"""

from sfumato.storage.documents import (
    read_json,
    read_sealed_json,
    sealed,
    to_json,
    write_bytes,
    write_json,
    write_sealed_json,
    write_text,
)
from sfumato.storage.drafts import (
    PARTIAL,
    default_cache,
    disk_full_explained,
    drafts_in,
    fsync_directory,
    is_held,
    new_folder,
    remove,
    replacing,
    sweep,
)
from sfumato.storage.own import (
    is_own_file,
    is_own_folder,
    kind_of,
    open_own,
    own_stream,
    read_own,
    require,
    require_no_folder,
    require_own_folder,
)

__all__ = [
    "PARTIAL",
    "default_cache",
    "disk_full_explained",
    "drafts_in",
    "fsync_directory",
    "is_held",
    "is_own_file",
    "is_own_folder",
    "kind_of",
    "new_folder",
    "open_own",
    "own_stream",
    "read_json",
    "read_own",
    "read_sealed_json",
    "remove",
    "replacing",
    "require",
    "require_no_folder",
    "require_own_folder",
    "sealed",
    "sweep",
    "to_json",
    "write_bytes",
    "write_json",
    "write_sealed_json",
    "write_text",
]
