// A server of the tests' own that plays what real ones do, and do wrong: a small mailbox, and hooks that take its place in whatever it says. One connection at a time, on a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace whosent::test {

struct Mail {
    std::string body;
    std::set<std::string> flags;
};

class ImapServer {
public:
    ImapServer();
    ~ImapServer();
    ImapServer(const ImapServer&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }

    // What hooks and tests use, under lock().
    std::map<std::uint32_t, Mail> mails;                // of the folder INBOX
    std::map<std::string, std::vector<std::string>> other;  // bodies in other folders
    std::uint32_t uid_validity = 17;
    std::uint32_t next_uid = 100'000;  // of deliver()
    std::string greeting = "* OK ready\r\n";
    std::string capabilities = "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER IDLE MOVE UIDPLUS";
    std::string permanent_flags = "\\Deleted \\Seen \\*";
    std::vector<std::string> log;  // commands without their tags, over all connections
    std::atomic<unsigned> connections = 0;
    // Before each command: true: the hook has answered. It may say() and hang_up().
    std::function<bool(const std::string& tag, const std::string& line)> hook;
    [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

    // For hooks.
    void say(std::string_view bytes);
    void hang_up() { hung_up_ = true; }
    std::string fetch_line(std::uint32_t uid, const std::string& items);  // "* 1 FETCH (UID 7 BODY[] {3}…)"
    [[nodiscard]] std::vector<std::uint32_t> in_set(const std::string& set) const;

    // Any thread: a message arrives; whoever idles is told.
    std::uint32_t deliver(const std::string& body);
    void drop();  // the connection
    [[nodiscard]] std::size_t count(const std::string& beginning);  // commands that begin so
    [[nodiscard]] std::size_t in_folder(const std::string& name);

private:
    void serve();
    void converse();
    void answer(const std::string& tag, const std::string& line);
    bool read_line(std::string& line);
    void copy(const std::string& tag, const std::string& set, const std::string& quoted, bool move);
    void expunge(std::uint32_t uid);

    std::mutex mutex_;
    int listener_ = -1, client_ = -1;
    std::uint16_t port_ = 0;
    bool stopping_ = false, hung_up_ = false, idling_ = false;
    std::string input_, idle_tag_;
    std::thread thread_;
};

}  // namespace whosent::test
