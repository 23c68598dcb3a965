"""Row 60: an archive writes nothing outside its folder, nothing half, and not much."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cebra_ethan.errors import DataIntegrityError
from cebra_ethan.utils.archives import unfold_gzip, unpack

PACKERS = {
    "w": lambda data: data,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def tar_bytes(*members, pack="w"):
    """A tar of (name, content) or of ready `TarInfo`s."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as file:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                file.addfile(member, io.BytesIO(b"x" * member.size))
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                file.addfile(info, io.BytesIO(member[1]))
    return PACKERS[pack](buffer.getvalue())


def zip_bytes(*members, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


def _special(kind, target="", name="one"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def _mode(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def _zip_with_nul():
    return zip_bytes(("one_two.txt", b"1")).replace(b"one_two.txt", b"one\0two.txt")


def _zip_twice():
    return zip_bytes(("one.txt", b"1"), ("two.txt", b"2")).replace(b"two.txt", b"one.txt")


def _encrypted():
    data = bytearray(zip_bytes(("one.txt", b"1")))
    data[6] |= 1  # in the member's own header
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _lying_zip(promised):
    """A member that is longer than its header says; the checksum is right for what it says."""
    data = bytearray(zip_bytes(("one.txt", b"a" * 5000)))
    right = zlib.crc32(b"a" * promised).to_bytes(4, "little")
    for start, crc, size in ((0, 14, 22), (data.index(b"PK\x01\x02"), 16, 24)):
        data[start + crc : start + crc + 4] = right
        data[start + size : start + size + 4] = promised.to_bytes(4, "little")
    return bytes(data)


ATTACKS = {
    "zip ../": (zip_bytes(("../out.txt", b"x")), "../out.txt"),
    "zip inside/../../": (zip_bytes(("a/../../out.txt", b"x")), "a/../../out.txt"),
    "zip absolute": (zip_bytes(("/out.txt", b"x")), "/out.txt"),
    "zip backslash": (zip_bytes(("..\\out.txt", b"x")), "out.txt"),
    "zip drive": (zip_bytes(("C:/out.txt", b"x")), "C:/out.txt"),
    "zip symlink": (zip_bytes((_mode("one", stat.S_IFLNK | 0o777), "/etc/passwd")), "one"),
    "zip device": (zip_bytes((_mode("one", stat.S_IFCHR | 0o600), "")), "one"),
    "zip fifo": (zip_bytes((_mode("one", stat.S_IFIFO | 0o600), "")), "one"),
    "zip NUL": (_zip_with_nul(), "one"),
    "zip long part": (zip_bytes(("a" * 300, b"x")), "aaaa"),
    "zip long path": (zip_bytes(("/".join(["abcdefgh"] * 200), b"x")), "abcdefgh"),
    "zip duplicate": (_zip_twice(), "one.txt"),
    "zip other capitals": (zip_bytes(("a.txt", b"1"), ("A.TXT", b"2")), "A.TXT"),
    "zip two accents": (zip_bytes(("\u00e9.txt", b"1"), ("e\u0301.txt", b"2")), ".txt"),
    "zip file and folder": (zip_bytes(("a", b"1"), ("a/b", b"2")), "a/b"),
    "zip folder and file": (zip_bytes(("a/b", b"1"), ("a", b"2")), "a"),
    "zip encrypted": (_encrypted(), "one.txt"),
    "zip bomb": (
        zip_bytes(("zeros", bytes(30_000_000)), method=zipfile.ZIP_DEFLATED),
        "zeros",
    ),
    "zip bomb of many": (
        zip_bytes(*((f"z{k}", bytes(900_000)) for k in range(40)), method=zipfile.ZIP_DEFLATED),
        "z",
    ),
    "zip empty name": (zip_bytes(("a//b", b"1")), "a//b"),
    "tar ../": (tar_bytes(("one", b"1"), ("../out.txt", b"x")), "../out.txt"),
    "tar absolute": (tar_bytes(("/out.txt", b"x"), pack="gzip"), "/out.txt"),
    "tar symlink": (tar_bytes(("one", b"1"), _special(tarfile.SYMTYPE, "/etc")), "one"),
    "tar symlink inside": (tar_bytes(_special(tarfile.SYMTYPE, "two"), ("two", b"1")), "one"),
    "tar hard link": (tar_bytes(_special(tarfile.LNKTYPE, "../../etc/passwd")), "one"),
    "tar character device": (tar_bytes(_special(tarfile.CHRTYPE)), "one"),
    "tar block device": (tar_bytes(_special(tarfile.BLKTYPE)), "one"),
    "tar fifo": (tar_bytes(_special(tarfile.FIFOTYPE)), "one"),
    "tar duplicate": (tar_bytes(("one", b"1"), ("one", b"2")), "one"),
    "tar duplicate by ./": (tar_bytes(("one", b"1"), ("./one", b"2")), "one"),
    "tar NUL": (tar_bytes(("one\u00e9\0two" + "a" * 200, b"1")), "one"),
    "tar new line": (tar_bytes(("one\ntwo", b"1")), "one"),
    "tar long part": (tar_bytes(("a" * 300, b"x"), pack="xz"), "aaaa"),
    "tar bomb, gzip": (tar_bytes(("zeros", bytes(30_000_000)), pack="gzip"), "zeros"),
    "tar bomb, bzip2": (tar_bytes(("zeros", bytes(30_000_000)), pack="bzip2"), "zeros"),
    "tar bomb, xz": (tar_bytes(("zeros", bytes(30_000_000)), pack="xz"), "zeros"),
    "tar bomb behind the end": (
        gzip.compress(tar_bytes(("one", b"1"))[:1024] + tar_bytes(("z", bytes(30_000_000)))),
        "z",
    ),
}


def _everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_row60_attacks_leave_nothing(attack, tmp_path):
    data, member = ATTACKS[attack]
    inside = tmp_path / "deep" / "down"
    inside.mkdir(parents=True)
    archive = inside / "a.bin"
    archive.write_bytes(data)
    before = _everything(tmp_path)
    with pytest.raises(DataIntegrityError) as failure:
        unpack(archive, inside / "new")
    assert _everything(tmp_path) == before
    message = str(failure.value)
    assert str(archive) in message
    assert member in message


def test_row60_a_member_larger_than_promised(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(_lying_zip(promised=10))
    with pytest.raises(DataIntegrityError, match=r"a\.zip"):
        unpack(archive, tmp_path / "new")
    assert _everything(tmp_path) == ["a.zip"]


@pytest.mark.parametrize("pack", PACKERS)
def test_row60_good_tars_unpack(pack, tmp_path):
    folder = tarfile.TarInfo("./data/empty")
    folder.type = tarfile.DIRTYPE
    archive = tmp_path / "a.tar"
    top = tarfile.TarInfo("./")
    top.type = tarfile.DIRTYPE
    archive.write_bytes(
        tar_bytes(top, ("./data/one", b"1" * 9000), folder, ("two", b""), pack=pack)
    )
    made = unpack(archive, tmp_path / "x" / "new")
    assert _everything(made) == ["data", "data/empty", "data/one", "two"]
    assert (made / "data" / "one").read_bytes() == b"1" * 9000
    assert _everything(tmp_path / "x") == ["new", *(f"new/{name}" for name in _everything(made))]


def test_row60_good_zips_unpack_and_rights_are_not_taken_over(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(
        zip_bytes(
            ("data/", b""),
            ("data/one", b"1" * 9000),
            (_mode("run", stat.S_IFREG | 0o6777), b"#!"),
            method=zipfile.ZIP_DEFLATED,
        )
    )
    made = unpack(archive, tmp_path / "new")
    assert _everything(made) == ["data", "data/one", "run"]
    assert (made / "run").stat().st_mode & 0o7111 == 0
    with pytest.raises(FileExistsError, match="into a new folder"):
        unpack(archive, made)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(where=0.984375, bit=0, cut=False, kind="z")  # zipfile seeks below 0
@given(where=st.floats(0, 1), bit=st.integers(0, 7), cut=st.booleans(), kind=st.sampled_from("zt"))
def test_row60_damaged_archives_are_refused_or_whole(tmp_path_factory, where, bit, cut, kind):
    content = b"The rat runs. " * 200
    data = bytearray(
        zip_bytes(("a/one", content), method=zipfile.ZIP_DEFLATED)
        if kind == "z"
        else tar_bytes(("a/one", content), pack="gzip")
    )
    place = int(where * (len(data) - 1))
    if cut:
        del data[place:]
    else:
        data[place] ^= 1 << bit
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "a.bin").write_bytes(data)
    try:
        unpack(folder / "a.bin", folder / "new")
    except DataIntegrityError as error:
        refused = str(error)
    else:
        refused = None
    if refused is None:
        files = [path for path in (folder / "new").rglob("*") if path.is_file()]
        assert all(path.read_bytes() == content for path in files)
    else:
        assert "a.bin" in refused
        assert _everything(folder) == ["a.bin"]


def test_row60_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zip_bytes(("one", b"1"), ("two", b"2")))
    real = os.rename

    def full(*names):
        raise OSError(28, "No space left on device", str(names[1]))

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(archive, tmp_path / "new")
    monkeypatch.setattr(os, "rename", real)
    assert _everything(tmp_path) == ["a.zip"]


def test_row60_a_gzip_file_unfolds_to_the_name_it_is_given(tmp_path):
    packed = tmp_path / "a.gz"
    with packed.open("wb") as raw, gzip.GzipFile("../../evil", "wb", fileobj=raw) as file:
        file.write(b"content")
    unfold_gzip(packed, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"content"
    assert _everything(tmp_path) == ["a", "a.gz"]


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(bytes(30_000_000)),
        gzip.compress(b"content" * 100)[:-9],
        gzip.compress(b"content")[:-8] + bytes(8),
        b"no gzip",
        b"",
    ],
    ids=["bomb", "cut off", "wrong checksum", "text", "empty"],
)
def test_row60_bad_gzip_files_leave_nothing(data, tmp_path):
    packed = tmp_path / "a.gz"
    packed.write_bytes(data)
    if not data:
        assert unfold_gzip(packed, tmp_path / "a").read_bytes() == b""
        return
    with pytest.raises(DataIntegrityError, match=r"a\.gz"):
        unfold_gzip(packed, tmp_path / "a")
    assert _everything(tmp_path) == ["a.gz"]
