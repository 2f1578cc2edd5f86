"""A disk whose power can be cut: ext4 in a file behind a loop device.

`cut` is EXT4_IOC_SHUTDOWN without a flush of the journal: from then on every write fails, and after
`restore` exactly what was synced is there. kill -9 alone keeps the page cache and proves nothing.
"""

import fcntl
import os
import struct
import subprocess
import unittest

import support

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
NO_LOG_FLUSH = struct.pack("I", 2)
IMAGE_BYTES = 8 << 30  # sparse


def _run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


class PowerDisk:
    """Mounted at `folder`/disk until `close`."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "disk")
        self._image = os.path.join(folder, "disk.img")
        self._device = None
        self._mounted = False
        os.makedirs(self.path)
        with open(self._image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        try:
            _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1",
                 self._image)
            self._device = _run("losetup", "--find", "--show", self._image)
            self._mount()
            self.cut()  # The file system may not know how.
            self.restore()
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            reason = getattr(error, "stderr", None) or error
            raise unittest.SkipTest(f"no ext4 on a loop device here: {reason}") from error

    def _mount(self):
        _run("mount", "-t", "ext4", self._device, self.path)
        self._mounted = True

    def cut(self):
        """The power fails."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, NO_LOG_FLUSH)
        finally:
            os.close(folder)

    def _unmount(self):
        # The kernel closes what a killed process had mapped a little after its end.
        support.wait_until(
            lambda: subprocess.run(["umount", self.path], capture_output=True,
                                   check=False).returncode == 0, f"umount {self.path}", 20)
        self._mounted = False

    def restore(self):
        """The power is back. Nobody may have a file open."""
        self._unmount()
        self._mount()

    def close(self):
        if self._mounted:
            self._unmount()
        if self._device is not None:
            subprocess.run(["losetup", "--detach", self._device], check=False)
            self._device = None
