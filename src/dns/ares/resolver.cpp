#include "whosent/dns/resolver.hpp"

#define CARES_NO_DEPRECATED  // newer versions prefer calls that Debian 12's 1.18 does not have
#include <ares.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "dns/ares/cache.hpp"
#include "dns/message.hpp"
#include "whosent/base/hash.hpp"

namespace whosent::dns {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned kMaxTries = 8;  // each waits twice as long as the one before

struct Server {
    IpAddress address;
    unsigned short port = 0;  // 0: the usual one
};

// "192.0.2.53", "192.0.2.53:5300", "2001:db8::53", "[2001:db8::53]", "[2001:db8::53]:5300".
std::optional<Server> parse_server(std::string_view text) {
    std::string_view host = text, port;
    bool has_port = false;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos || text.substr(1, close - 1).find(':') == std::string_view::npos) return std::nullopt;
        host = text.substr(1, close - 1);
        port = text.substr(close + 1);
        has_port = !port.empty();
        if (has_port && !port.starts_with(':')) return std::nullopt;
        if (has_port) port.remove_prefix(1);
    } else if (const auto colon = text.find(':'); colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        has_port = true;
    }
    Server server;
    const auto address = IpAddress::parse(host);
    if (!address) return std::nullopt;
    server.address = *address;
    if (has_port) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), server.port);
        if (error != std::errc() || end != port.data() + port.size() || server.port == 0) return std::nullopt;
    }
    return server;
}

std::string words_of(milliseconds time) {
    return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s" : std::to_string(time.count()) + " ms";
}

class AresResolver final : public Resolver {
public:
    AresResolver(const ResolverOptions& options, const Clock& clock) : options_(options), clock_(clock), cache_(options.cache_answers) {
        options_.in_flight = std::max<std::size_t>(options_.in_flight, 1);
        options_.tries = std::clamp(options_.tries, 1u, kMaxTries);
        options_.deadline = std::max(options_.deadline, milliseconds(1));
    }
    AresResolver(const AresResolver&) = delete;
    AresResolver& operator=(const AresResolver&) = delete;
    ~AresResolver() override { close(); }

    // Empty, or what c-ares says.
    std::string open(const std::vector<Server>& servers) {
        if (const int status = open_channel(servers, std::max<std::size_t>(servers.size(), 1)); status != ARES_SUCCESS) return ares_strerror(status);
        if (!servers.empty()) return {};
        // Those of the system, which must be known by number for how long a try may last.
        ares_addr_port_node* list = nullptr;
        if (const int status = ares_get_servers_ports(channel_, &list); status != ARES_SUCCESS) return ares_strerror(status);
        std::size_t count = 0;
        for (const auto* node = list; node != nullptr; node = node->next) ++count;
        ares_free_data(list);
        if (count < 2) return {};
        close();
        closing_ = false;
        const int status = open_channel(servers, count);
        return status == ARES_SUCCESS ? std::string() : std::string(ares_strerror(status));
    }

    void ask(const Question& question, std::function<void(const Answer&)> done) override {
        if (!is_askable(question.name)) {
            Answer answer{.question = question, .status = Status::no_name, .read = clock_.now(), .ttl = kMaxNegativeTtl};
            done(answer);
            return;
        }
        if (const Answer* known = cache_.find(question, clock_.now())) {
            ++counts_.cached;
            const Answer answer = *known;  // `done` may ask for more, which may push it out
            done(answer);
            return;
        }
        const auto [place, fresh] = open_.try_emplace(question);
        Open& entry = place->second;
        entry.done.push_back(std::move(done));
        if (!fresh) return;
        entry.answer.question = question;
        entry.answer.ttl = kMaxTtl;
        line_.push_back(&entry);
        if (!processing_) send_waiting();
    }

    std::size_t poll(milliseconds wait) override {
        const auto until = Steady::now() + std::max(wait, milliseconds(0));
        do {
            send_waiting();
            if (finished_.empty() && !flights_.empty()) process(until);
            expire();
        } while (finished_.empty() && !open_.empty() && Steady::now() < until);
        deliver();
        send_waiting();
        return open_.size();
    }

    [[nodiscard]] Counts counts() const override { return counts_; }

private:
    // A question that is in line, at the servers, or answered and not yet told.
    struct Open {
        Answer answer;
        std::vector<std::function<void(const Answer&)>> done;
    };
    // What c-ares works on. It cannot be called back singly, so that it may outlive its question.
    struct Flight {
        AresResolver* owner = nullptr;
        Open* entry = nullptr;  // nullptr: answered with a failure at its deadline
        std::string asked;      // the wire name: the question's, or one that CNAME records led to
        Steady::time_point deadline;
        std::list<Flight>::iterator self;
    };

    int open_channel(const std::vector<Server>& servers, std::size_t server_count) {
        static const int library = ares_library_init(ARES_LIB_INIT_ALL);
        if (library != ARES_SUCCESS) return library;
        ares_options wanted{};
        int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ | ARES_OPT_NOROTATE;
        wanted.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
        wanted.ednspsz = kUdpPayload;
        wanted.tries = static_cast<int>(options_.tries);
        // c-ares goes round the servers, and waits twice as long in each round: all of it fits into the deadline.
        const auto shares = static_cast<std::int64_t>(server_count) * ((1 << options_.tries) - 1);
        wanted.timeout = static_cast<int>(std::max<std::int64_t>(options_.deadline.count() / shares, 1));
        wanted.sock_state_cb = &on_socket;
        wanted.sock_state_cb_data = this;
#ifdef ARES_OPT_QUERY_CACHE
        mask |= ARES_OPT_QUERY_CACHE;  // ours counts, and keeps times
        wanted.qcache_max_ttl = 0;
#endif
        if (const int status = ares_init_options(&channel_, &wanted, mask); status != ARES_SUCCESS) return status;
        if (servers.empty()) return ARES_SUCCESS;
        std::vector<ares_addr_port_node> nodes(servers.size());
        for (std::size_t i = 0; i < servers.size(); ++i) {
            ares_addr_port_node& node = nodes[i];
            node = {};
            node.next = i + 1 < servers.size() ? &nodes[i + 1] : nullptr;
            node.family = servers[i].address.is_v4() ? AF_INET : AF_INET6;
            const auto bytes = servers[i].address.bytes();
            std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(&node.addr));
            node.udp_port = node.tcp_port = servers[i].port;
        }
        return ares_set_servers_ports(channel_, nodes.data());
    }

    void close() {
        closing_ = true;  // c-ares tells every question of its end; nobody is to hear of it
        if (channel_ != nullptr) ares_destroy(channel_);
        channel_ = nullptr;
    }

    static void on_socket(void* self, ares_socket_t socket, int readable, int writable) {
        auto& sockets = static_cast<AresResolver*>(self)->sockets_;
        if (readable == 0 && writable == 0) {
            sockets.erase(socket);
        } else {
            sockets[socket] = static_cast<short>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
        }
    }

    static void on_reply(void* arg, int status, int /*timeouts*/, unsigned char* bytes, int length) {
        auto& flight = *static_cast<Flight*>(arg);
        if (!flight.owner->closing_) flight.owner->land(flight, status, {bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(length)});
    }

    void land(Flight& flight, int status, std::span<const std::uint8_t> message) {
        if (flight.entry != nullptr) {
            Answer& answer = flight.entry->answer;
            if (!message.empty()) {
                flight.asked = read_reply(message, flight.asked, answer);
                if (!flight.asked.empty()) {
                    onward_.push_back(&flight);
                    return;
                }
            } else {
                if (status == ARES_ETIMEOUT) ++counts_.timed_out;
                fail(answer, words_of_status(status));
            }
            finished_.push_back(flight.entry);
        }
        flights_.erase(flight.self);
    }

    std::string words_of_status(int status) const {
        switch (status) {
            case ARES_ETIMEOUT: return "no answer within " + words_of(options_.deadline);
            case ARES_ESERVFAIL: return "SERVFAIL: the server failed";
            case ARES_EREFUSED: return "REFUSED: the server refuses to answer";
            case ARES_ENOTIMP: return "NOTIMP: the server does not answer such questions";
            case ARES_EFORMERR: return "FORMERR: the server could not read the question";
            // 1.18 says this of servers that are not there, and of those that all answer SERVFAIL, NOTIMP or REFUSED too
            case ARES_ECONNREFUSED: return "no DNS server can be reached, or each one fails or refuses (SERVFAIL, REFUSED)";
            case ARES_EBADNAME: return "a name that cannot be asked for";
            default: return ares_strerror(status);
        }
    }

    void send(Flight& flight) {
        ++counts_.asked;
        const std::string query = make_query(flight.asked, flight.entry->answer.question.type, static_cast<std::uint16_t>(random_u64()));
        // Not ares_query: the name is bytes here, and no parser of c-ares reads it another way; no search domain is ever appended.
        ares_send(channel_, reinterpret_cast<const unsigned char*>(query.data()), static_cast<int>(query.size()), &on_reply, &flight);
    }

    // What is on its way goes before what waits in line.
    void send_waiting() {
        while (!onward_.empty()) {
            Flight& flight = *onward_.front();
            onward_.pop_front();
            if (flight.entry == nullptr) {
                flights_.erase(flight.self);
            } else {
                send(flight);
            }
        }
        while (!line_.empty() && flights_.size() < options_.in_flight) {
            Open& entry = *line_.front();
            line_.pop_front();
            Flight& flight = flights_.emplace_back(Flight{this, &entry, wire_name(entry.answer.question.name), Steady::now() + options_.deadline, {}});
            flight.self = std::prev(flights_.end());
            counts_.most_in_flight = std::max(counts_.most_in_flight, flights_.size());
            send(flight);
        }
    }

    // Waits for the sockets and lets c-ares work.
    void process(Steady::time_point until) {
        for (const Flight& flight : flights_) {  // in the order in which they left: the first has the first deadline
            if (flight.entry == nullptr) continue;
            until = std::min(until, flight.deadline);
            break;
        }
        auto wait = std::chrono::ceil<milliseconds>(std::max(until - Steady::now(), Steady::duration::zero()));
        timeval most{}, next{};
        most.tv_sec = static_cast<time_t>(wait.count() / 1000);
        most.tv_usec = static_cast<suseconds_t>(wait.count() % 1000 * 1000);
        if (const timeval* sooner = ares_timeout(channel_, &most, &next)) {
            wait = std::min(wait, std::chrono::ceil<milliseconds>(std::chrono::seconds(sooner->tv_sec) + std::chrono::microseconds(sooner->tv_usec)));
        }
        std::vector<pollfd>& waiting = waiting_;
        waiting.clear();
        for (const auto& [socket, events] : sockets_) waiting.push_back({socket, events, 0});
        const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<std::int64_t>(wait.count(), 60'000)));
        processing_ = true;
        if (ready > 0) {
            for (const pollfd& one : waiting) {
                const bool broken = (one.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
                const bool readable = (one.revents & POLLIN) != 0 || (broken && (one.events & POLLIN) != 0);
                const bool writable = (one.revents & POLLOUT) != 0 || (broken && (one.events & POLLOUT) != 0);
                // An earlier one may have closed it.
                if ((readable || writable) && sockets_.contains(one.fd)) {
                    ares_process_fd(channel_, readable ? one.fd : ARES_SOCKET_BAD, writable ? one.fd : ARES_SOCKET_BAD);
                }
            }
        } else {
            ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        }
        processing_ = false;
    }

    // A deadline is of the question, whatever c-ares still tries. Its place is free only when c-ares has done.
    void expire() {
        const auto now = Steady::now();
        for (Flight& flight : flights_) {
            if (flight.entry == nullptr) continue;
            if (flight.deadline > now) break;
            ++counts_.timed_out;
            fail(flight.entry->answer, words_of_status(ARES_ETIMEOUT));
            finished_.push_back(std::exchange(flight.entry, nullptr));
        }
    }

    void deliver() {
        while (!finished_.empty()) {
            Open* entry = finished_.front();
            finished_.pop_front();
            entry->answer.read = clock_.now();
            if (entry->answer.status == Status::failed) ++counts_.failed;
            cache_.put(entry->answer);
            const auto node = open_.extract(open_.find(entry->answer.question));
            for (const auto& done : node.mapped().done) done(node.mapped().answer);
        }
    }

    ResolverOptions options_;
    const Clock& clock_;
    Cache cache_;
    Counts counts_;
    ares_channel channel_ = nullptr;
    std::map<ares_socket_t, short> sockets_;  // and what c-ares waits for there
    std::unordered_map<Question, Open, QuestionHash, QuestionEqual> open_;
    std::deque<Open*> line_;
    std::list<Flight> flights_;  // in the order in which they left
    std::deque<Flight*> onward_;  // whose CNAME records lead on
    std::deque<Open*> finished_;
    std::vector<pollfd> waiting_;
    bool processing_ = false;
    bool closing_ = false;
};

}  // namespace

Result<std::unique_ptr<Resolver>> make_resolver(const ResolverOptions& options, const Clock& clock) {
    std::vector<Server> servers;
    for (const std::string& text : options.servers) {
        const auto server = parse_server(text);
        if (!server) {
            return std::unexpected(Error{.code = ErrorCode::invalid_argument, .message = "DNS server \"" + text + "\" is no address, with or without a port"});
        }
        servers.push_back(*server);
    }
    auto resolver = std::make_unique<AresResolver>(options, clock);
    if (const std::string problem = resolver->open(servers); !problem.empty()) {
        return std::unexpected(Error{.code = ErrorCode::io, .persistence = Persistence::retry, .message = "the DNS resolver cannot start: " + problem});
    }
    return resolver;
}

}  // namespace whosent::dns
