#include "whosent/net/secret.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "catch.hpp"
#include "support.hpp"

namespace whosent::net {
namespace {

using Kind = SecretSource::Kind;

struct Environment {
    Environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Environment() { ::unsetenv(name_); }
    const char* name_;
};

TEST_CASE("a secret that is none, or that everybody may read, is refused without telling it") {
    TempFolder folder;
    const std::string hidden = "hunter2";
    ::mkfifo(folder.file("fifo").c_str(), 0600);
    ::mkdir(folder.file("folder").c_str(), 0700);
    const Environment credentials("CREDENTIALS_DIRECTORY", folder.file("").c_str());
    const Environment empty("WHOSENT_TEST_EMPTY", ""), newline("WHOSENT_TEST_NEWLINE", "\n"), large("WHOSENT_TEST_LARGE", std::string(65 * 1024, 'x').c_str());
    folder.write("c-empty", "");
    struct Row {
        SecretSource source;
        std::string message;
        ErrorCode code;
    };
    const std::vector<Row> rows = {
        {{Kind::file, folder.file("none")}, "the secret cannot be read: No such file or directory", ErrorCode::not_found},
        {{Kind::file, folder.file("folder")}, "the secret is in no ordinary file", ErrorCode::invalid_argument},
        {{Kind::file, folder.file("fifo")}, "the secret is in no ordinary file", ErrorCode::invalid_argument},
        {{Kind::file, folder.write("empty", "")}, "the secret is empty", ErrorCode::invalid_argument},
        {{Kind::file, folder.write("newline", "\n")}, "the secret is empty", ErrorCode::invalid_argument},
        {{Kind::file, folder.write("public", hidden, 0644)}, "everybody may read the secret (mode 0644): chmod o-r makes it one", ErrorCode::invalid_argument},
        {{Kind::file, folder.write("other", hidden, 0604)}, "everybody may read the secret (mode 0604): chmod o-r makes it one", ErrorCode::invalid_argument},
        {{Kind::file, folder.write("large", std::string(65 * 1024, 'x'))}, "the secret is longer than 65536 bytes", ErrorCode::limit},
        {{Kind::file, folder.write("barely", std::string(64 * 1024 + 1, 'x'))}, "the secret is longer than 65536 bytes", ErrorCode::limit},
        {{Kind::environment, "WHOSENT_TEST_NONE"}, "is not set", ErrorCode::not_found},
        {{Kind::environment, "WHOSENT_TEST_EMPTY"}, "the secret is empty", ErrorCode::invalid_argument},
        {{Kind::environment, "WHOSENT_TEST_NEWLINE"}, "the secret is empty", ErrorCode::invalid_argument},
        {{Kind::environment, "WHOSENT_TEST_LARGE"}, "the secret is longer than 65536 bytes", ErrorCode::limit},
        {{Kind::credential, "none"}, "the secret cannot be read: No such file or directory", ErrorCode::not_found},
        {{Kind::credential, "c-empty"}, "the secret is empty", ErrorCode::invalid_argument},
        {{Kind::credential, ""}, "is no name of a credential", ErrorCode::invalid_argument},
        {{Kind::credential, ".."}, "is no name of a credential", ErrorCode::invalid_argument},
        {{Kind::credential, "../etc/passwd"}, "is no name of a credential", ErrorCode::invalid_argument},
    };
    for (const auto& row : rows) {
        INFO(row.source.to_string() << ": " << row.message);
        const auto secret = row.source.read();
        REQUIRE(!secret);
        CHECK(secret.error().message == row.message);
        CHECK(secret.error().where == row.source.to_string());
        CHECK(secret.error().code == row.code);
        CHECK(!to_string(secret.error()).contains(hidden));
    }
}

TEST_CASE("a credential needs systemd's folder") {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    const auto secret = SecretSource{Kind::credential, "imap"}.read();
    REQUIRE(!secret);
    CHECK(to_string(secret.error()) == "credential imap: systemd has given none (CREDENTIALS_DIRECTORY is not set)");
}

TEST_CASE("a secret is what its source holds, without the end of its line") {
    TempFolder folder;
    const Environment credentials("CREDENTIALS_DIRECTORY", folder.file("").c_str());
    const Environment variable("WHOSENT_TEST_SECRET", "from the environment");
    folder.write("imap", "from systemd\n", 0444);
    struct Row {
        SecretSource source;
        std::string secret;
    };
    const std::vector<Row> rows = {
        {{Kind::file, folder.write("plain", "hunter2")}, "hunter2"},
        {{Kind::file, folder.write("line", "hunter2\n")}, "hunter2"},
        {{Kind::file, folder.write("group", "hunter2\r\n", 0640)}, "hunter2"},
        {{Kind::file, folder.write("lines", "hunter2\n\n")}, "hunter2\n"},
        {{Kind::file, folder.write("spaces", " hunter 2 \n")}, " hunter 2 "},
        {{Kind::file, folder.write("long", std::string(64 * 1024, 'x') + "\r\n")}, std::string(64 * 1024, 'x')},
        {{Kind::environment, "WHOSENT_TEST_SECRET"}, "from the environment"},
        {{Kind::credential, "imap"}, "from systemd"},
    };
    for (const auto& row : rows) {
        INFO(row.source.to_string());
        const auto secret = row.source.read();
        if (!secret) FAIL(to_string(secret.error()));
        CHECK(*secret == row.secret);
    }
}

}  // namespace
}  // namespace whosent::net
