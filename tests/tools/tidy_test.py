"""Each rule of tools/tidy fires on a file that breaks it, and is silent on one that does not."""

import os
import subprocess
import sys
import tempfile
import unittest

TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "tidy")


def run_tidy(files):
    """Runs tidy on a tree of `files` (name -> text); returns its exit code and output."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([sys.executable, TIDY, "--root", root], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class TidyTest(unittest.TestCase):
    def fires(self, name, text, expected):
        code, output = run_tidy({name: text})
        self.assertEqual(code, 1, f"tidy found nothing in {name}:\n{text}")
        self.assertIn(expected, output)
        self.assertTrue(output.startswith(f"{name}:"), output)

    def silent(self, files):
        code, output = run_tidy(files)
        self.assertEqual((code, output), (0, ""))

    def test_include_table(self):
        cases = [
            ("proto/a.cc", "storage/log.h"), ("proto/a.cc", "client/producer.h"),
            ("storage/a.h", "broker/core/waiters.h"), ("broker/core/a.h", "storage/log.h"),
            ("broker/core/a.h", "broker/runtime/shard.h"),
            ("broker/runtime/a.h", "proto/wire/produce.h"),
            ("broker/partition/a.cc", "broker/service/x.h"), ("broker/api/a.cc", "storage/log.h"),
            ("broker/api/a.cc", "broker/net/connection.h"),
            ("broker/net/a.cc", "broker/api/router.h"), ("client/a.cc", "broker/app/broker.h"),
            ("storage/a.cc", "tests/support/x.h"), ("broker/app/a.cc", "tools/main.h"),
        ]
        for name, included in cases:
            with self.subTest(name=name, included=included):
                self.fires(name, f'#include "{included}"\n', f"may not include {included}")
        self.silent({
            "storage/a.cc": '#include "proto/types.h"\n#include "storage/b.h"\n',
            "broker/runtime/a.cc": '#include "proto/invariant.h"\n',
            "broker/app/a.cc": '#include "broker/net/listener.h"\n#include "storage/log.h"\n',
            "tests/a.cc": '#include "broker/app/embedded_broker.h"\n',
        })

    def test_system_headers(self):
        cases = [
            ("proto/a.cc", "boost/asio/awaitable.hpp"), ("storage/a.cc", "boost/asio.hpp"),
            ("broker/core/a.cc", "spdlog/spdlog.h"), ("storage/a.cc", "spdlog/spdlog.h"),
            ("broker/api/a.cc", "boost/asio/post.hpp"), ("broker/api/a.cc", "CLI/CLI.hpp"),
            ("proto/a.cc", "catch2/catch.hpp"), ("storage/a.cc", "benchmark/benchmark.h"),
            ("broker/core/a.h", "thread"), ("storage/a.h", "mutex"),
            ("storage/a.cc", "sys/socket.h"), ("proto/a.cc", "fstream"),
            ("proto/a.cc", "fcntl.h"), ("broker/core/a.cc", "random"),
            ("broker/api/a.cc", "netinet/in.h"),
        ]
        for name, header in cases:
            with self.subTest(name=name, header=header):
                self.fires(name, f"#include <{header}>\n", f"<{header}>")
        self.fires("broker/net/a.h", "#include <boost/asio.hpp>\n", "seconds per file")
        self.silent({
            "broker/net/a.cc": "#include <boost/asio.hpp>\n#include <sys/socket.h>\n",
            "broker/runtime/shard.h": "#include <thread>\n#include <boost/asio/io_context.hpp>\n",
            "storage/file.cc": "#include <fcntl.h>\n#include <unistd.h>\n",
            "broker/partition/a.cc": "#include <spdlog/spdlog.h>\n",
        })

    def test_include_cycles(self):
        code, output = run_tidy({
            "proto/record/a.h": '#include "proto/wire/b.h"\n',
            "proto/wire/b.h": '#include "proto/record/c.h"\n',
        })
        self.assertEqual(code, 1)
        self.assertIn("cycle between folders: proto/record -> proto/wire -> proto/record", output)

    def test_sizes(self):
        self.fires("proto/a.h", "int a;\n" * 501, "501 lines")
        self.fires("tools/a.py", "a = 1\n" * 501, "501 lines")
        self.fires("proto/a.cc", "// " + "x" * 98 + "\n", "101 characters")
        self.silent({"proto/a.h": "int a;\n" * 500, "proto/b.h": "//" + "x" * 98 + "\n"})

    def test_function_sizes(self):
        long_body = "  a();\n" * 69
        cases = {
            "plain": "void F() {\n" + long_body + "}\n",
            "member": "namespace x {\nint A::F(int b = 3) const {\n" + long_body + "}\n}\n",
            "inline": "class A {\n public:\n  void F() {\n" + long_body + "  }\n};\n",
            "constructor": "A::A(int b) : b_{b}, c_{} {\n" + long_body + "}\n",
            "operator": "bool A::operator==(const A& b) {\n" + long_body + "}\n",
            "template": "template <class T>\nT F(T a) {\n" + long_body[:-7] + "}\n",
            "test": 'TEST_CASE("a: b is c") {\n' + long_body + "}\n",
            "braces in strings": 'void F() {\n  a("}{");\n  b(\'{\');  // }\n' + long_body + "}\n",
            "raw string": 'void F() {\n  a(R"({)");\n' + long_body + "}\n",
        }
        for kind, text in cases.items():
            with self.subTest(kind=kind):
                self.fires("storage/a.cc", text, "at most 70")
        table = "constexpr int kTable[] = {\n" + "  1,\n" * 80 + "};\n"
        structs = "struct A {\n" + "  int a = 1;\n" * 80 + "};\n"
        several = "void F() {\n  a();\n}\n\n" * 30
        exact = "void F() {\n" + "  a();\n" * 68 + "}\n"
        self.silent({"storage/a.cc": table + structs + several + exact})

    def test_banned_calls(self):
        cases = [
            "auto t = std::chrono::steady_clock::now();", "auto t = system_clock::now();",
            "auto t = time(nullptr);", "gettimeofday(&t, nullptr);", "clock_gettime(C, &t);",
            "std::random_device device;", "int r = rand();", "getrandom(p, 8, 0);",
            "std::mutex mutex;", "std::thread thread(F);", "std::lock_guard<M> lock(m);",
            "std::condition_variable ready;", "throw 1;", "sleep(1);", "usleep(1);",
            "std::this_thread::sleep_for(d);", 'printf("a");', 'std::fprintf(f, "a");',
            'std::cerr << "a";', "using namespace std;", "class LogManager {};",
            "struct BatchHelper {};",
        ]
        for line in cases:
            with self.subTest(line=line):
                self.fires("storage/a.cc", line + "\n", "storage/a.cc:1:")

    def test_places_where_calls_are_allowed(self):
        self.silent({
            "broker/runtime/a.cc": "auto t = steady_clock::now();\nstd::mutex m;\n"
                                   "std::random_device d;\n",
            "tests/a.cc": "std::thread t(F);\nauto n = steady_clock::now();\nint r = rand();\n",
            "tests/support/a.cc": "std::this_thread::sleep_for(d);\n",
            "bench/a.cc": 'std::thread t(F);\nprintf("a");\n',
            "tools/a.cc": 'fmt::print("a");\n',
            "proto/invariant.cc": "std::fprintf(stderr, \"a\");\n",
            "storage/a.cc": "int64_t time() const;\nauto t = log.time(3);\n// throw, sleep(1)\n"
                            "auto s = \"std::mutex\";\nint n = std::snprintf(b, 3, f);\n",
        })
        self.fires("tests/a.cc", "std::this_thread::sleep_for(d);\n", "sleeps")
        self.fires("tests/a.cc", "throw 1;\n", "throw nothing")

    def test_words(self):
        self.fires("docs/a.md", "TO" + "DO: write\n", "open an issue")
        for host in ("files.python" + "hosted.org", "repo.maven.apache" + ".org", "pypi" + ".org",
                     "registry.npmjs" + ".org", "proxy.golang" + ".org", "deb.debian" + ".org"):
            with self.subTest(host=host):
                self.fires("docs/a.md", f"see https://{host}/x\n", "registry's host")
        self.silent({"docs/a.md": "Debian, Maven and PyPI; see https://keepachangelog.com\n"})


if __name__ == "__main__":
    unittest.main()
