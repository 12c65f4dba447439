cdef const int* flags() noexcept nogil
