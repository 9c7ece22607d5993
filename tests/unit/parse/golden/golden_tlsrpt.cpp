// golden_tlsrpt [--update] [FOLDER]: compares the golden cases of the TLS report reader, or writes them (golden.hpp).
#include "golden.hpp"

#include "../render_tls.hpp"

using namespace whosent::parse;

int main(int argc, char** argv) {
    const auto read = [](const std::string& input, const TlsRepairSet& switched_off) { return render_tls(input, switched_off); };
    return golden::Cases<TlsRepair, TlsRepairSet>("input.json", kTlsRepairs, read).run(argc, argv, "tests/golden/tlsrpt");
}
