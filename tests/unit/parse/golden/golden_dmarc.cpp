// golden_dmarc [--update] [FOLDER]: compares the golden cases of the aggregate reader, or writes them (golden.hpp).
#include "golden.hpp"

using namespace whosent::parse;

int main(int argc, char** argv) {
    const auto read = [](const std::string& input, const RepairSet& switched_off) { return render(input, switched_off); };
    return golden::Cases<Repair, RepairSet>("input", kRepairs, read).run(argc, argv, "tests/golden/dmarc");
}
