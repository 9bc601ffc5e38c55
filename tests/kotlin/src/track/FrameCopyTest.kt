// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import java.nio.ByteBuffer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotSame
import org.junit.Assert.assertSame
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Copies of frames: their pixels, whether they are whole, and what a frame that cannot be read leaves behind. */
class FrameCopyTest {
    private val copy = FrameCopy()

    /** A frame of 4 × 3 pixels whose last one may lack its alpha. */
    private fun frame(rowStride: Int = 16, first: Byte = 0): Frame {
        val bytes = ByteArray(2 * rowStride + 15) { (first + it).toByte() }
        return Frame.rgba(4, 3, Plane(ByteBuffer.wrap(bytes), rowStride, 4))
    }

    private fun set(frame: Frame) = copy.set(frame, 0, false)

    private fun plane(frame: Frame): Plane = checkNotNull(frame.plane)

    @Test
    fun `a copy has the frame's pixels, and room for whole ones`() {
        val source = frame(first = 7)
        set(source)
        val made = plane(copy.frame)
        for (i in 0 until plane(source).buffer.limit()) assertEquals(plane(source).buffer[i], made.buffer[i])
        assertTrue(PixelWindow.holds(made, 4, 3))
    }

    @Test
    fun `frames of one layout share a copy`() {
        set(frame())
        val made = copy.frame
        set(frame(first = 50))
        assertSame(made, copy.frame)
        assertEquals(50.toByte(), plane(made).buffer[0])
        set(frame(rowStride = 20))
        assertNotSame(made, copy.frame)
    }

    @Test
    fun `a frame that cannot be read leaves no copy of the one before for the next`() {
        // Narrower rows fit into the buffer that is there already.
        set(frame(rowStride = 20))
        val released = frame()
        plane(released).buffer.limit(8)
        assertThrows(InvalidFrameException::class.java) { set(released) }
        set(frame())
        assertEquals(16, plane(copy.frame).rowStride)
    }
}
