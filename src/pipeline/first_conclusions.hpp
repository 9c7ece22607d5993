// FirstConclusions: what can be said of a stream without DNS. Streams that differ in nothing but their address within one network share one conclusion, so it is
// worked out once and remembered. Where nothing speaks for anybody, which holds of most of what strangers send, neither do the names of others in it tell them apart: they are
// left out before it is looked at, so that what is said is the same whichever came first. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "row_builder.hpp"
#include "whosent/identify/identify.hpp"
#include "whosent/model/inventory.hpp"
#include "whosent/model/verdict.hpp"

namespace whosent::pipeline {

class FirstConclusions {
public:
    struct Entry {
        Conclusion conclusion;
        std::int64_t known = 0;  // the store's, see store::FirstJudge
    };

    // All of them outlive it. `dns_follows`: DNS will be asked later.
    FirstConclusions(const identify::Catalogue& catalogue, const identify::HostDatabases* hosts, const Inventory& inventory, bool dns_follows)
        : catalogue_(catalogue), hosts_(hosts), inventory_(inventory), dns_follows_(dns_follows) {}

    // Valid until the next call.
    [[nodiscard]] Entry& of(const StreamView& stream, std::string_view domain);
    void forget_known();
    void clear() { entries_.clear(); }

private:
    // `stream` without what tells nothing; its texts are in this object.
    [[nodiscard]] StreamView reduced(const StreamView& stream);

    static constexpr std::size_t kMostEntries = 16 * 1024, kLongestKey = 2 * 1024;  // at most 3 KiB each, commonly 1

    const identify::Catalogue& catalogue_;
    const identify::HostDatabases* hosts_;
    const Inventory& inventory_;
    bool dns_follows_;
    std::unordered_map<std::string, Entry> entries_;
    Entry absurd_;  // of a stream whose texts are too long to be remembered
    DomainMemo domains_;
    std::string key_, dkim_;
};

}  // namespace whosent::pipeline
