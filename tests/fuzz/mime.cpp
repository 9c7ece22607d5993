// A whole message through the unpacker (unpacking.hpp). What is no mail goes the way of a bare document, which is part of the same door.
#include "unpacking.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    whosent::fuzz::check_unpacking(whosent::fuzz::text_of(data, size));
    return whosent::fuzz::kUsed;
}
