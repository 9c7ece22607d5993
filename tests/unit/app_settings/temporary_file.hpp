// A file with a text in it, for as long as this lives.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view text) : path((std::filesystem::temp_directory_path() / "whosent-settings-XXXXXX").string()) {
        const int descriptor = ::mkstemp(path.data());
        if (descriptor < 0) throw std::runtime_error("no temporary file");
        ::close(descriptor);
        std::ofstream(path, std::ios::binary) << text;
    }
    ~TemporaryFile() { std::filesystem::remove(path); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    std::string path;
};
