#include "imap_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "catch.hpp"

namespace whosent::test {

ImapServer::ImapServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

ImapServer::~ImapServer() {
    {
        const auto held = lock();
        stopping_ = true;
        if (client_ >= 0) ::shutdown(client_, SHUT_RDWR);
        ::shutdown(listener_, SHUT_RDWR);
    }
    thread_.join();
    ::close(listener_);
}

void ImapServer::serve() {
    for (;;) {
        const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        {
            const auto held = lock();
            if (stopping_ || accepted < 0) {
                if (accepted >= 0) ::close(accepted);
                return;
            }
            client_ = accepted;
            const int at_once = 1;
            ::setsockopt(client_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
            ++connections;
            hung_up_ = idling_ = false;
            input_.clear();
            say(greeting);
        }
        converse();
        const auto held = lock();
        ::close(client_);
        client_ = -1;
    }
}

void ImapServer::converse() {
    std::string line;
    while (read_line(line)) {
        const auto held = lock();
        if (idling_ && line == "DONE") {
            idling_ = false;
            log.push_back("DONE");
            say(idle_tag_ + " OK idle ended\r\n");
            continue;
        }
        const std::size_t space = line.find(' ');
        const std::string tag = line.substr(0, space);
        const std::string command = space == std::string::npos ? "" : line.substr(space + 1);
        log.push_back(command);
        if (!hook || !hook(tag, command)) answer(tag, command);
        if (hung_up_) return;
    }
}

bool ImapServer::read_line(std::string& line) {
    for (;;) {
        if (const std::size_t end = input_.find("\r\n"); end != std::string::npos) {
            line = input_.substr(0, end);
            input_.erase(0, end + 2);
            return true;
        }
        char buffer[4096];
        const ssize_t got = ::recv(client_, buffer, sizeof buffer, 0);
        if (got <= 0) return false;
        input_.append(buffer, static_cast<std::size_t>(got));
    }
}

void ImapServer::say(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::vector<std::uint32_t> ImapServer::in_set(const std::string& set) const {
    std::vector<std::uint32_t> uids;
    const std::uint32_t most = mails.empty() ? 0 : mails.rbegin()->first;
    std::stringstream parts(set);
    for (std::string part; std::getline(parts, part, ',');) {
        const std::size_t colon = part.find(':');
        const auto number = [&](const std::string& text) { return text == "*" ? most : static_cast<std::uint32_t>(std::stoul(text)); };
        std::uint32_t first = number(part.substr(0, colon)), last = colon == std::string::npos ? first : number(part.substr(colon + 1));
        if (first > last) std::swap(first, last);
        for (const auto& [uid, mail] : mails)
            if (uid >= first && uid <= last) uids.push_back(uid);
    }
    return uids;
}

std::string ImapServer::fetch_line(std::uint32_t uid, const std::string& items) {
    const auto found = mails.find(uid);
    if (found == mails.end()) return {};
    const auto sequence = std::distance(mails.begin(), found) + 1;
    std::string line = fmt::format("* {} FETCH (UID {}", sequence, uid);
    if (items.find("RFC822.SIZE") != std::string::npos) line += fmt::format(" RFC822.SIZE {}", found->second.body.size());
    if (items.find("INTERNALDATE") != std::string::npos) line += " INTERNALDATE \"22-Nov-2026 00:00:00 +0000\"";
    if (items.find("BODY") != std::string::npos) {
        std::string body = found->second.body;
        std::string name = "BODY[]";
        if (const std::size_t origin = items.find("<0."); origin != std::string::npos) {
            body.resize(std::min<std::size_t>(body.size(), std::stoul(items.substr(origin + 3))));
            name = "BODY[]<0>";
        }
        line += fmt::format(" {} {{{}}}\r\n{}", name, body.size(), body);
    }
    return line + ")\r\n";
}

void ImapServer::expunge(std::uint32_t uid) {
    const auto found = mails.find(uid);
    if (found == mails.end()) return;
    say(fmt::format("* {} EXPUNGE\r\n", std::distance(mails.begin(), found) + 1));
    mails.erase(found);
}

void ImapServer::copy(const std::string& tag, const std::string& set, const std::string& quoted, bool move) {
    const std::string target = quoted.substr(1, quoted.size() - 2);
    if (!other.contains(target)) return say(tag + " NO [TRYCREATE] no such folder\r\n");
    for (const std::uint32_t uid : in_set(set)) {
        other[target].push_back(mails[uid].body);
        if (move) expunge(uid);
    }
    say(tag + " OK done\r\n");
}

void ImapServer::answer(const std::string& tag, const std::string& line) {
    std::stringstream words(line);
    std::string word, set, rest;
    words >> word;
    const bool by_uid = word == "UID";
    if (by_uid) {
        words >> word >> set;
        std::getline(words, rest);
        if (!rest.empty()) rest.erase(0, 1);
    }
    if (word == "CAPABILITY") {
        say("* CAPABILITY " + capabilities + "\r\n" + tag + " OK done\r\n");
    } else if (word == "LOGIN" || word == "AUTHENTICATE" || word == "ID") {
        say(tag + " OK done\r\n");
    } else if (word == "NOOP") {
        say(fmt::format("* {} EXISTS\r\n{} OK done\r\n", mails.size(), tag));
    } else if (word == "SELECT") {
        say(fmt::format("* FLAGS (\\Seen \\Deleted)\r\n* OK [PERMANENTFLAGS ({})] limited\r\n* {} EXISTS\r\n* OK [UIDVALIDITY {}] valid\r\n{} OK [READ-WRITE] done\r\n", permanent_flags, mails.size(),
                        uid_validity, tag));
    } else if (by_uid && word == "FETCH") {
        auto uids = in_set(set);
        // RFC 3501 section 6.4.8: "n:*" always has the last message
        for (const std::uint32_t uid : uids) say(fetch_line(uid, rest));
        say(tag + " OK done\r\n");
    } else if (by_uid && (word == "MOVE" || word == "COPY")) {
        copy(tag, set, rest, word == "MOVE");
    } else if (by_uid && word == "STORE") {
        const std::size_t open = rest.find('('), close = rest.find(')');
        for (const std::uint32_t uid : in_set(set)) mails[uid].flags.insert(rest.substr(open + 1, close - open - 1));
        say(tag + " OK done\r\n");
    } else if (by_uid && word == "EXPUNGE") {
        for (const std::uint32_t uid : in_set(set))
            if (mails[uid].flags.contains("\\Deleted")) expunge(uid);
        say(tag + " OK done\r\n");
    } else if (word == "CREATE") {
        std::getline(words >> std::ws, rest);
        other[rest.substr(1, rest.size() - 2)];
        say(tag + " OK done\r\n");
    } else if (word == "IDLE") {
        idling_ = true;
        idle_tag_ = tag;
        say("+ idling\r\n");
    } else if (word == "LOGOUT") {
        say("* BYE logging out\r\n" + tag + " OK done\r\n");
        hung_up_ = true;
    } else {
        say(tag + " BAD unknown command\r\n");
    }
}

std::uint32_t ImapServer::deliver(const std::string& body) {
    const auto held = lock();
    const std::uint32_t uid = next_uid++;
    mails[uid].body = body;
    if (idling_) say(fmt::format("* {} EXISTS\r\n", mails.size()));
    return uid;
}

void ImapServer::drop() {
    const auto held = lock();
    if (client_ >= 0) ::shutdown(client_, SHUT_RDWR);
}

std::size_t ImapServer::count(const std::string& beginning) {
    const auto held = lock();
    return static_cast<std::size_t>(std::count_if(log.begin(), log.end(), [&](const std::string& line) { return line.starts_with(beginning); }));
}

std::size_t ImapServer::in_folder(const std::string& name) {
    const auto held = lock();
    return name == "INBOX" ? mails.size() : other[name].size();
}

}  // namespace whosent::test
