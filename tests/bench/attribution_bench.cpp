// What attribution costs ingest: FOLDER STORE with|without. Stores all messages of FOLDER in a new store, with the attributor of ingest with DNS off or without one, and prints
// the records and the seconds, of the clock and of the processors. The product has no such switch.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

#include "whosent/collect/files.hpp"
#include "whosent/pipeline/attributor.hpp"
#include "whosent/pipeline/pipeline.hpp"

namespace {

using namespace whosent;

Result<pipeline::Counts> ingest(const std::string& folder, const std::string& file, bool attributed) {
    const SystemClock clock;
    auto store = WHOSENT_TRY(store::open_store("sqlite:" + file, store::OpenMode::create_if_missing, clock));
    auto writer = WHOSENT_TRY(store->writer());
    pipeline::Options how;
    std::unique_ptr<pipeline::Attributor> attributor;
    if (attributed) {
        pipeline::AttributionOptions options;
        options.catalogue = WHOSENT_TRY(identify::Catalogue::create());
        options.attribution_deadline = 0;
        attributor = WHOSENT_TRY(pipeline::Attributor::create(*store, clock, std::move(options)));
        how.attributor = attributor.get();
    }
    const collect::FileList list = collect::list_files({folder});
    pipeline::Pipeline pipeline(*store, *writer, clock, how);
    for (const std::string& path : list.paths) WHOSENT_CHECK(collect::submit_file(path, how.limits, pipeline, [] { return true; }, {}));
    WHOSENT_CHECK(pipeline.finish());
    if (attributor) WHOSENT_CHECK(attributor->leave(*writer));
    return pipeline.counts();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc == 4 ? argv[3] : "";
    if (mode != "with" && mode != "without") {
        std::fprintf(stderr, "attribution_bench FOLDER STORE with|without\n");
        return 2;
    }
    const auto start = std::chrono::steady_clock::now();
    const auto counts = ingest(argv[1], argv[2], mode == "with");
    if (!counts) {
        std::fprintf(stderr, "attribution_bench: %s\n", to_string(counts.error()).c_str());
        return 1;
    }
    std::printf("{\"records\":%llu,\"seconds\":%.3f,\"cpu\":%.3f}\n", static_cast<unsigned long long>(counts->records),
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
    return 0;
}
