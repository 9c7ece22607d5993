// A zone for tests: what it does not have does not exist, and nothing is ever wanted.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "whosent/dns/answer.hpp"
#include "whosent/identify/spf_coverage.hpp"

namespace whosent::identify {

inline IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

class Zone : public dns::Answers {
public:
    const dns::Answer* find(std::string_view name, dns::Type type) override {
        if (const dns::Answer* answer = snapshot_.find(name, type)) return answer;
        ++missed;
        (void)snapshot_.take_wanted();
        put({std::string(name), type}, dns::Status::no_name);
        return snapshot_.find(name, type);
    }

    void put(dns::Question question, dns::Status status, std::vector<std::string> texts = {}, std::vector<IpAddress> addresses = {}) {
        dns::Answer answer;
        answer.question = std::move(question);
        answer.status = status;
        answer.problem = status == dns::Status::failed ? "SERVFAIL" : "";
        answer.texts = std::move(texts);
        answer.addresses = std::move(addresses);
        answer.read = 1'760'000'000;
        snapshot_.put(std::move(answer));
    }
    void txt(const std::string& name, std::vector<std::string> texts) { put({name, dns::Type::txt}, dns::Status::found, std::move(texts)); }
    void spf(const std::string& name, const std::string& terms) { txt(name, {"v=spf1 " + terms}); }
    // Addresses of both families; a family without any is no_data.
    void host(const std::string& name, const std::vector<std::string>& addresses) {
        for (const bool v4 : {true, false}) {
            std::vector<IpAddress> own;
            for (const std::string& text : addresses) {
                if (ip(text).is_v4() == v4) own.push_back(ip(text));
            }
            const auto status = own.empty() ? dns::Status::no_data : dns::Status::found;
            put({name, v4 ? dns::Type::a : dns::Type::aaaa}, status, {}, std::move(own));
        }
    }
    void mx(const std::string& name, std::vector<std::string> servers) { put({name, dns::Type::mx}, dns::Status::found, std::move(servers)); }
    void fails(const std::string& name, dns::Type type) { put({name, type}, dns::Status::failed); }

    std::size_t missed = 0;  // different questions about what is not there

private:
    dns::Snapshot snapshot_;
};

}  // namespace whosent::identify
