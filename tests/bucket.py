"""An object store for tests, as S3 is: an upload goes in pieces, and is an object when it is completed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from fsspec import register_implementation
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from engine.blobs.objects import Objects


class Upload(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no types
    """An upload under way."""

    def _initiate_upload(self) -> None:
        self.pieces: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:
        Bucket.answer("upload")
        self.pieces.append(self.buffer.getvalue())
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        """Make an object of it."""
        Bucket.answer("commit")
        Bucket.objects[self.path] = b"".join(self.pieces)

    def discard(self) -> None:
        """Forget it."""
        self.pieces = []


class Bucket(AbstractFileSystem):  # type: ignore[misc]  # as above
    """All buckets of this process. What has been given to `troubled` happens to every request."""

    protocol = "bucket"
    cachable = False
    objects: ClassVar[dict[str, bytes]] = {}
    answer: ClassVar[Callable[[str], None]] = staticmethod(lambda _: None)

    @classmethod
    def at(cls, name: str) -> Objects:
        """Return the blobs of a bucket."""
        register_implementation(cls.protocol, cls, clobber=True)
        return Objects(f"bucket://{name}/forewarn")

    @classmethod
    @contextmanager
    def troubled(cls, answer: Callable[[str], None]) -> Iterator[None]:
        """Let `answer` raise, or do something meanwhile, at each list, read, upload, commit and delete."""
        before, cls.answer = cls.answer, staticmethod(answer)
        try:
            yield
        finally:
            cls.answer = before

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """Return what is directly in a folder."""
        type(self).answer("list")
        folder = path.strip("/") + "/"
        found = {key: (*key.removeprefix(folder).partition("/"), data) for key, data in self.objects.items()}
        inside = {key: each for key, each in found.items() if key.startswith(folder)}
        files = [
            {"name": key, "size": len(data), "type": "file"} for key, (_, more, _, data) in inside.items() if not more
        ]
        folders = sorted({folder + first for first, more, _, _ in inside.values() if more})
        if not files and not folders and path.strip("/") not in self.objects:
            raise FileNotFoundError(path)
        return [*files, *({"name": name, "size": 0, "type": "directory"} for name in folders)]

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """Return what is known of an object."""
        type(self).answer("read")
        if path not in self.objects:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self.objects[path]), "type": "file"}

    def cat_file(
        self, path: str, version_id: str | None = None, start: int | None = None, end: int | None = None, **options: Any
    ) -> bytes:
        """Return a part of an object; the arguments are in the order that s3fs has."""
        assert version_id is None
        type(self).answer("read")
        return self.objects[path][start:end]

    def rm_file(self, path: str) -> None:
        """Delete an object; as with S3, none is no error."""
        type(self).answer("delete")
        self.objects.pop(path, None)

    def _open(self, path: str, mode: str = "rb", autocommit: bool = True, **options: Any) -> Upload:
        return Upload(self, path, mode, block_size=5 << 20, autocommit=autocommit)
